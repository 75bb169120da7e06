;;; twinny-lsp.el --- Ghost text, edits and chat from your own models  -*- lexical-binding: t; -*-

;; Version: 1.0
;; Package-Requires: ((emacs "30.1"))
;; Keywords: convenience, languages, tools

;;; Commentary:

;; Completes code as ghost text, edits it and chats, with a model server of your own (Ollama, llama.cpp,
;; LM Studio, ...).  It has a connection of its own, so Eglot or lsp-mode go on with the language's own server.
;;
;; Put this file on your `load-path' and add to your init file:
;;
;;     (require 'twinny-lsp)
;;     (global-twinny-lsp-mode)
;;
;; While a suggestion is shown: TAB takes it, M-f a word of it, M-e a line, M-n and M-p show another one,
;; C-g drops it.  Typing what it says goes on in it.
;;
;; `M-x twinny-lsp-actions' lists what can be done with the code at point or in the region,
;; `twinny-lsp-instruct' takes your own words, `twinny-lsp-chat' opens a chat.  Nothing comes?
;; `M-x twinny-lsp-why', `M-x twinny-lsp-doctor'.

;;; Code:

(require 'cl-lib)
(require 'twinny-lsp-client)
(require 'twinny-lsp-documents)
(require 'twinny-lsp-ghost)

(defvar twinny-lsp-mode)
(declare-function flymake-diagnostics "flymake")
(declare-function flymake-diagnostic-beg "flymake")
(declare-function flymake-diagnostic-end "flymake")
(declare-function flymake-diagnostic-text "flymake")
(declare-function flymake-diagnostic-type "flymake")

(defcustom twinny-lsp-modes '(prog-mode conf-mode sgml-mode nxml-mode yaml-mode yaml-ts-mode toml-ts-mode)
  "Major modes in which the global mode works, with those derived from them.
It works in chat documents, too."
  :type '(repeat symbol)
  :group 'twinny-lsp)

;;; What the server says

(defun twinny-lsp--hear (_connection method params)
  "Act on the notification METHOD with PARAMS."
  (pcase method
    ('window/showMessage (twinny-lsp--say "%s" (plist-get params :message)))
    ('twinny-lsp/status
     (setq twinny-lsp--status (cons (plist-get params :state) (plist-get params :message)))
     (force-mode-line-update t))))

(defun twinny-lsp--answer (_connection method params)
  "Return the result of the server's request METHOD with PARAMS."
  (pcase method
    ('workspace/applyEdit
     (let ((problem (twinny-lsp--apply-edit (plist-get params :edit))))
       (if problem (list :applied :json-false :failureReason problem) '(:applied t))))
    ('workspace/configuration
     ;; For the whole only: folders have no settings of their own here.
     (vconcat (mapcar (lambda (item) (unless (plist-get item :scopeUri) (twinny-lsp--settings)))
                      (plist-get params :items))))
    ('workspace/workspaceFolders (vconcat (mapcar #'twinny-lsp--folder twinny-lsp--folders)))
    ('window/showDocument (twinny-lsp--show-document params))
    ('window/showMessageRequest
     (lambda (id) (run-with-idle-timer 1 nil #'twinny-lsp--question twinny-lsp--server id params)))
    ((or 'client/registerCapability 'client/unregisterCapability) nil)
    (_ (jsonrpc-error :code -32601 :message "not known"))))

(defun twinny-lsp--question (server id params)
  "Ask what PARAMS say and answer SERVER's request ID, once no key is pressed."
  (if (active-minibuffer-window)
      (run-with-timer 1 nil #'twinny-lsp--question server id params)
    (let* ((titles (mapcar (lambda (action) (plist-get action :title)) (plist-get params :actions)))
           (chosen (condition-case nil
                       (completing-read (concat (plist-get params :message) " ") titles nil t)
                     (quit nil))))
      (when (jsonrpc-running-p server)
        (jsonrpc-connection-send server :id id :result (and (member chosen titles) (list :title chosen)))))))

(defun twinny-lsp--show-document (params)
  "Show the file that PARAMS name."
  (let ((uri (plist-get params :uri)) (focus (not (active-minibuffer-window))))
    (if (eq (plist-get params :external) t)
        (browse-url uri)
      (with-current-buffer (find-file-noselect (twinny-lsp--path uri))
        (twinny-lsp-mode 1)
        (let ((window (funcall (if (and focus (plist-get params :takeFocus)) #'select-window #'identity)
                               (display-buffer (current-buffer))))
              ;; In a chat one goes on below what it begins with.
              (at (if (twinny-lsp--chat-document-p)
                      (point-max)
                    (twinny-lsp--point (twinny-lsp--get params :selection :start)))))
          (goto-char at)
          (set-window-point window at))))
    '(:success t)))

;;; Commands

(defun twinny-lsp--execute (name argument &optional then)
  "Have the server do NAME with ARGUMENT, and call THEN with the result."
  (let (id)
    (setq id (twinny-lsp--request
              :workspace/executeCommand
              (list :command (concat "twinny-lsp." name)
                    :arguments (if argument (vector argument) []))
              (lambda (result)
                (setq twinny-lsp--tasks (delq id twinny-lsp--tasks))
                (when then (funcall then result)))))
    (push id twinny-lsp--tasks)))

(defun twinny-lsp--here ()
  "Return this buffer and its region, or point, as an argument of the server's."
  (unless twinny-lsp-mode
    (twinny-lsp-mode 1))
  (twinny-lsp--attach (current-buffer))
  (list :uri (plist-get (or (twinny-lsp--document) (user-error "The server does not have this buffer")) :uri)
        :range (if (use-region-p)
                   (twinny-lsp--range (region-beginning) (region-end))
                 (twinny-lsp--range (point) (point)))))

(defun twinny-lsp--diagnostics (beg end)
  "Return Flymake's diagnostics from BEG to END, as LSP has them."
  (when (bound-and-true-p flymake-mode)
    (mapcar (lambda (each)
              (list :range (twinny-lsp--range (flymake-diagnostic-beg each) (flymake-diagnostic-end each))
                    :severity (pcase (flymake-diagnostic-type each)
                                ((or :error 'eglot-error) 1) ((or :warning 'eglot-warning) 2) (_ 3))
                    :message (flymake-diagnostic-text each)))
            (flymake-diagnostics beg end))))

;;;###autoload
(defun twinny-lsp-actions ()
  "Choose what is to be done with the code in the region, or at point.
It is done when the model has answered, in one step of undo."
  (interactive)
  (twinny-lsp--when-ready
   (lambda ()
     (let* ((here (twinny-lsp--here))
            (beg (if (use-region-p) (region-beginning) (pos-bol)))
            (end (if (use-region-p) (region-end) (pos-eol)))
            (actions (append (jsonrpc-request
                              twinny-lsp--server :textDocument/codeAction
                              (list :textDocument (list :uri (plist-get here :uri))
                                    :range (plist-get here :range)
                                    :context (list :diagnostics
                                                   (vconcat (twinny-lsp--diagnostics beg end)))))
                             nil))
            (titles (mapcar (lambda (action)
                              (cons (string-remove-prefix "twinny-lsp: " (plist-get action :title)) action))
                            (or actions (user-error "Nothing can be done here"))))
            (action (cdr (assoc (completing-read "twinny-lsp: " titles nil t) titles))))
       (twinny-lsp--act action)))))

(defun twinny-lsp--act (action)
  "Do ACTION, a code action."
  (when-let* ((edit (plist-get action :edit))
              (problem (twinny-lsp--apply-edit edit)))
    (twinny-lsp--say "twinny-lsp: %s" problem))
  (when-let* ((command (plist-get action :command)))
    (let ((argument (copy-sequence (car (append (plist-get command :arguments) nil)))))
      ;; We do wait, so that it can be stopped and its errors are told as such.
      (cl-remf argument :wait)
      (setq twinny-lsp--undo nil)
      (twinny-lsp--execute (string-remove-prefix "twinny-lsp." (plist-get command :command)) argument))))

;;;###autoload
(defun twinny-lsp-instruct (instruction)
  "Have the code in the region, or around point, changed by INSTRUCTION."
  (interactive "sWhat is to be done with the code? ")
  (twinny-lsp--when-ready
   (lambda ()
     (setq twinny-lsp--undo nil)
     (twinny-lsp--execute "instruct" (append (twinny-lsp--here) (list :instruction instruction))))))

(defun twinny-lsp-stop ()
  "Stop models: the answer in this chat, and all that was asked of them."
  (interactive)
  (mapc #'twinny-lsp--cancel twinny-lsp--tasks)
  (setq twinny-lsp--tasks nil)
  (when twinny-lsp--uri
    (twinny-lsp--execute "stopChat" (list :uri twinny-lsp--uri))))

(defun twinny-lsp-commit-message ()
  "Write a commit message for what is staged, at point if this is not its buffer."
  (interactive)
  (twinny-lsp--when-ready
   (lambda ()
     (let ((buffer (current-buffer))
           (uri (plist-get (twinny-lsp--here) :uri)))
       (twinny-lsp--execute "commitMessage" (list :uri uri)
                            (lambda (result)
                              (unless (eq (plist-get result :applied) t)
                                (with-current-buffer buffer
                                  (save-excursion (insert (plist-get result :text)))))))))))

(defun twinny-lsp--show-text (name text)
  "Show TEXT in a window under NAME."
  (with-help-window (get-buffer-create (format "*%s*" name))
    (princ text)))

;;;###autoload
(defun twinny-lsp-doctor ()
  "Show how things stand on this machine, and what to do next."
  (interactive)
  (twinny-lsp--when-ready
   (lambda ()
     (twinny-lsp--execute "doctor" nil (lambda (result)
                                         (twinny-lsp--show-text "twinny-lsp doctor" (plist-get result :text)))))))

;;;###autoload
(defun twinny-lsp-why ()
  "Show what became of the last request for a suggestion, and what is wrong."
  (interactive)
  (twinny-lsp--when-ready
   (lambda ()
     (twinny-lsp--execute "why" (and twinny-lsp--uri (list :uri twinny-lsp--uri))
                          (lambda (result)
                            (twinny-lsp--show-text "twinny-lsp why" (plist-get result :text)))))))

(defun twinny-lsp-toggle ()
  "Switch suggestions off or on, until the server ends."
  (interactive)
  (twinny-lsp--when-ready
   (lambda ()
     (twinny-lsp--execute "toggle" nil
                          (lambda (result)
                            (twinny-lsp--say "Suggestions are %s"
                                             (if (eq (plist-get result :enabled) t) "on" "off")))))))

;;; Chat

(defvar-keymap twinny-lsp-chat-mode-map
  :doc "Keys in a chat document."
  "C-c C-c" #'twinny-lsp-send
  "C-c C-k" #'twinny-lsp-stop)

(define-minor-mode twinny-lsp-chat-mode
  "Keys for a conversation with a model in a Markdown document.
\\{twinny-lsp-chat-mode-map}"
  :lighter " Chat")

;;;###autoload
(defun twinny-lsp-chat ()
  "Open a new chat, about the region if there is one."
  (interactive)
  (twinny-lsp--when-ready
   (lambda ()
     (twinny-lsp--execute "openChat" (cond ((use-region-p) (twinny-lsp--here))
                                           (twinny-lsp--uri (list :uri twinny-lsp--uri)))))))

(defun twinny-lsp-send ()
  "Send the message at point, or the last one; the answer is written below it."
  (interactive)
  (twinny-lsp--when-ready
   (lambda ()
     (let ((here (twinny-lsp--here)))
       (setq twinny-lsp--undo nil)
       (twinny-lsp--execute "sendChat" (list :uri (plist-get here :uri)
                                             :position (twinny-lsp--position)))))))

(defun twinny-lsp--chat-document-p ()
  "Whether this buffer is a chat document."
  (and buffer-file-name (string-suffix-p ".md" buffer-file-name)
       (save-excursion
         (save-restriction
           (widen)
           (goto-char (point-min))
           (re-search-forward "^## You\\>" nil t)))))

;;; The mode

(defconst twinny-lsp--hooks
  '((before-change-functions twinny-lsp--before-change)
    (after-change-functions twinny-lsp--after-change)
    (post-command-hook twinny-lsp--after-command)
    (window-selection-change-functions twinny-lsp--left)
    (after-set-visited-file-name-hook twinny-lsp--renamed)
    (kill-buffer-hook twinny-lsp--close)
    ;; Another major mode forgets us without a word.
    (change-major-mode-hook twinny-lsp--turn-off)
    (completion-at-point-functions twinny-lsp-completion-at-point 90))
  "Hooks of a buffer with the mode: (HOOK FUNCTION [DEPTH]).")

(defun twinny-lsp--turn-off ()
  "Leave the mode."
  (twinny-lsp-mode -1))

(defun twinny-lsp--lighter ()
  "Return the text for the mode line."
  (let ((state (car twinny-lsp--status)))
    (propertize
     (concat " Twinny"
             (cond ((not twinny-lsp--server) (if twinny-lsp--failed "!ended" ""))
                   ((or (not twinny-lsp--ready) (equal state "starting")) ":starting")
                   ((member state '(nil "ready")) "")
                   ((equal state "working") "…")
                   ((member state '("loading" "off" "fallback")) (concat ":" state))
                   (t (concat "!" state))))
     'help-echo (let ((message (cdr twinny-lsp--status)))
                  (if (member message '(nil "")) "twinny-lsp" message)))))

;;;###autoload
(define-minor-mode twinny-lsp-mode
  "Ghost text, edits and chat from your own models.
While a suggestion is shown:
\\{twinny-lsp-ghost-map}"
  :lighter (:eval (twinny-lsp--lighter))
  :group 'twinny-lsp
  (pcase-dolist (`(,hook ,function ,depth) twinny-lsp--hooks)
    (if twinny-lsp-mode
        (add-hook hook function depth t)
      (remove-hook hook function t)))
  (if (not twinny-lsp-mode)
      (twinny-lsp--close)
    (setq twinny-lsp--seen (buffer-chars-modified-tick))
    ;; Later, since a mode may go off and on again while a file is visited.
    (run-at-time 0 nil #'twinny-lsp--attach (current-buffer))
    (when (twinny-lsp--chat-document-p)
      (twinny-lsp-chat-mode 1))))

(defun twinny-lsp--attach (buffer)
  "See that the server has BUFFER, if it is still wanted there."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (when (and twinny-lsp-mode (not twinny-lsp--uri) (twinny-lsp--servable-p))
        (twinny-lsp--add-folder)
        (twinny-lsp--start)
        (twinny-lsp--open)))))

(defun twinny-lsp--turn-on ()
  "Enter the mode if this buffer is one for it."
  (when (and (twinny-lsp--servable-p) buffer-file-name
             (or (derived-mode-p twinny-lsp-modes) (twinny-lsp--chat-document-p)))
    (twinny-lsp-mode 1)))

;;;###autoload
(define-globalized-minor-mode global-twinny-lsp-mode twinny-lsp-mode twinny-lsp--turn-on
  :group 'twinny-lsp)

(provide 'twinny-lsp)
;;; twinny-lsp.el ends here
